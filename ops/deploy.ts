#!/bin/sh
//usr/bin/env true; d=$(dirname -- "$(readlink -f -- "$0")"); exec "$d/_bun" "$0" "$@"
import { typedLauncher } from "../scripts/core/entry.ts";
import { dispatch } from "../scripts/host/dispatch.ts";

await dispatch(process.argv.slice(2), typedLauncher);
