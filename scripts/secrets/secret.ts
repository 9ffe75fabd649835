import { inspect } from "node:util";

const SHOWN = "[a secret]";

/** What a secret file holds. However it is printed, joined, inspected or made JSON of, it shows nothing of that. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Only for what sends, compares or writes it. */
  reveal(): Buffer {
    return this.#bytes;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [inspect.custom](): string {
    return SHOWN;
  }
}
