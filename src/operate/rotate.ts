import { DiscoveryError, type DiscoveryErrorCode, isDiscoveryError } from "../errors.ts";
import { encodeInfo } from "../model/record.ts";
import { quote } from "../model/refuse.ts";
import type { CallOptions, Store, WriteResult } from "../store/store.ts";
import { readRotationBase, type ServiceCredentials } from "./rotation-base.ts";

export interface RotateOptions extends CallOptions {
  /** Undefined: as it is. */
  readonly user: string | undefined;
  readonly password: string;

  /** Puts credentials where they cannot be lost, before they are written; more than once if the user is changed meanwhile. */
  readonly keep: (credentials: ServiceCredentials) => Promise<void>;
}

export interface Rotated {
  readonly credentials: ServiceCredentials;

  /** The revision that wrote them. */
  readonly revision: number;
}

/** New credentials were sent, and nobody knows whether they are in force. */
export class UncertainRotation extends DiscoveryError {}

/** How often a service whose info others write all the time is tried. */
const mostTries = 20;

/** What etcd says of a write that it has not carried out. */
const refusals: readonly DiscoveryErrorCode[] = [
  "INVALID_ARGUMENT",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
];

/**
 * Gives a service new credentials: writes them to its info if that is the one last seen, and tries again
 * with the newer one if not, so that the last call wins. Its public hosts take them over by themselves.
 * Rejects as {@link readRotationBase} does, and with {@link UncertainRotation}; after all else the
 * credentials are as they were.
 */
export async function rotate(
  store: Store,
  service: string,
  { keep, password, user, ...call }: RotateOptions,
): Promise<Rotated> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const { assertFit, info, value } = await readRotationBase(store, service, call);
    const credentials = { user: user ?? info.user, password };
    if (credentials.user === "") {
      const message = `service ${quote(service)} has no user yet; give one`;
      throw new DiscoveryError("INVALID_ARGUMENT", message);
    }
    assertFit(credentials);
    await keep(credentials);
    call.signal?.throwIfAborted();
    const next = encodeInfo({ ...info, ...credentials });
    const result = await store
      .write(
        {
          service,
          // By its bytes: that a host comes back, which touches the info, is no conflict.
          conditions: [{ record: { kind: "info" }, value }],
          changes: [{ kind: "put-info", value: next }],
        },
        call,
      )
      .catch((error: unknown) => lookAfter(store, service, { call, next, error }));
    if (result.applied) return { credentials, revision: result.revision };
  }
  const message = `the info of service ${quote(service)} was changed again and again; try again`;
  throw new DiscoveryError("UNAVAILABLE", message);
}

/** A write that failed may have been carried out all the same. */
async function lookAfter(
  store: Store,
  service: string,
  { call, error, next }: { readonly call: CallOptions; next: Uint8Array; error: unknown },
): Promise<WriteResult> {
  if (isDiscoveryError(error) && refusals.includes(error.code)) throw error;
  const listing = call.signal?.aborted
    ? undefined
    : await store.read(service, { info: true, hosts: [] }, call).catch(() => undefined);
  const stored = listing?.info;
  if (stored !== undefined && Buffer.compare(stored.value, next) === 0) {
    return { applied: true, revision: stored.revision };
  }
  const code = isDiscoveryError(error) ? error.code : "UNAVAILABLE";
  const why = error instanceof Error ? `: ${error.message}` : "";
  const message = `it is not known whether service ${quote(service)} has the new credentials${why}`;
  throw new UncertainRotation(code, message, { cause: error });
}
