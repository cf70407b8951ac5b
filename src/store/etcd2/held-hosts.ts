import type { KeysNode } from "./keys-api.ts";

/** A host record that this client has put, and keeps alive. */
export interface HeldHost {
  readonly key: string;

  /** As it was last put. */
  readonly value: string;

  /** The index of that put. A refresh, and whoever changes the value of the node only, leaves it as it is. */
  readonly createdIndex: number;

  /** What the write's caller was told, and so is to be told again however often it was refreshed since. */
  readonly revision: number;

  /** Of the node as far as is known; each refresh moves it. */
  modifiedIndex: number;

  /** By the clock: when the request was sent that etcd last granted its time for. */
  renewedAt: number;
}

/** Whoever keeps hosts alive. */
export interface Holder {
  /** The host lives by another holder now, or is gone. */
  release(host: HeldHost): void;
}

/** All hosts that this client keeps alive, by their keys, and by whom. */
export class HeldHosts {
  readonly #hosts = new Map<string, { readonly host: HeldHost; readonly holder: Holder }>();

  get(key: string): HeldHost | undefined {
    return this.#hosts.get(key)?.host;
  }

  /** All that this one has kept alive. */
  releaseAll(holder: Holder): void {
    for (const [key, held] of this.#hosts) if (held.holder === holder) this.release(key);
  }

  set(host: HeldHost, holder: Holder): void {
    this.release(host.key);
    this.#hosts.set(host.key, { host, holder });
  }

  /** Nobody keeps it alive any longer. */
  release(key: string): void {
    const held = this.#hosts.get(key);
    if (held === undefined) return;
    this.#hosts.delete(key);
    held.holder.release(held.host);
  }

  /** The revision that wrote the value of a node: for a host of ours not that of its last refresh. */
  revisionOf({ key, value, createdIndex, modifiedIndex }: KeysNode): number {
    const host = this.get(key);
    const unchanged = host?.createdIndex === createdIndex && host.value === value;
    return unchanged ? host.revision : modifiedIndex;
  }

  /** Takes note of where a host of ours is now, after a refresh whose answer was lost, say. Returns whether it is still the one that was put. */
  moved({ key, createdIndex, modifiedIndex }: KeysNode): boolean {
    const host = this.get(key);
    if (host?.createdIndex !== createdIndex) return false;
    host.modifiedIndex = Math.max(host.modifiedIndex, modifiedIndex);
    return true;
  }

  /** The index that a node has which was last written at `revision`. */
  indexOf(key: string, revision: number): number {
    const host = this.get(key);
    return host?.revision === revision ? host.modifiedIndex : revision;
  }
}
