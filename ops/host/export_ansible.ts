#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/../_bun" "$0" "$@"
import { answer, entry } from "../../scripts/core/entry.ts";

await entry<{ out?: string; platform?: string[] }>({
  name: "host/export_ansible",
  summary: "Write an Ansible inventory, role and playbooks for the hosts of an environment, from the same manifest.",
  options: [
    ["--out <dir>", "the folder, made if need be"],
    ["--platform <names...>", "the hosts' platforms: linux-x64 (default), linux-aarch64"],
  ],
  examples: [
    "ops/host/export_ansible.ts --env prod --out ansible",
    "cd ansible && ansible-playbook deploy.yml -e switchback_ref=v2.0.0",
  ],
  async main(call) {
    const { exportAnsible } = await import("../../scripts/host/export_ansible.ts");
    const context = await call.context({ isForHosts: true });
    const { value, text } = await exportAnsible(context, call.options);
    answer(call.options, value, text);
  },
});
