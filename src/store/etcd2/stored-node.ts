import type { StoredRecord } from "../store.ts";
import type { KeysNode } from "./keys-api.ts";

/** A record as a node of the keys API has it. Its bytes are made when they are asked for. */
export class StoredNode implements StoredRecord {
  readonly id: string;
  readonly revision: number;
  readonly #text: string;
  #value: Uint8Array | undefined;

  /** @param revision where it is another than that of the node's last change, which may be a refresh */
  constructor(id: string, node: KeysNode, revision: number = node.modifiedIndex) {
    this.id = id;
    this.revision = revision;
    this.#text = node.value ?? "";
  }

  get value(): Uint8Array {
    return (this.#value ??= Buffer.from(this.#text));
  }
}
