import { onAbort } from "../../async/abort.ts";
import type { Client } from "../../store/etcd3/client.ts";
import { GrpcError, GrpcStatus } from "../../store/etcd3/grpc-error.ts";
import type { KeyRange } from "../../store/etcd3/keys.ts";
import * as methods from "../../store/etcd3/methods.ts";
import type { Limits } from "../told.ts";

/** How etcd ends a watch that this user may not have. It says so in words only. */
const refusal = /permission ?denied|user name is empty|invalid auth token/i;

/** Begins to watch, and ends it when etcd has said whether it may. Rejects if it said neither. */
export async function mayWatch(
  client: Client,
  range: KeyRange,
  { signal, timeoutMs }: Limits,
): Promise<boolean> {
  const metadata = await client.authentication.ready(signal);
  const { channel } = await client.endpoints.acquire(signal);
  return new Promise((resolve, reject) => {
    const end = (): void => {
      forget();
      stream.cancel();
    };
    // Nothing is told before it has returned.
    const stream = channel.duplex(
      methods.watch,
      { connectTimeoutMs: timeoutMs, metadata },
      {
        message({ created, canceled, cancelReason }) {
          if (!created && !canceled) return;
          end();
          if (!canceled) resolve(true);
          else if (refusal.test(cancelReason)) resolve(false);
          else reject(new GrpcError(GrpcStatus.UNKNOWN, `the watch was ended: ${cancelReason}`));
        },
        ended(error) {
          end();
          reject(error);
        },
      },
    );
    const forget = onAbort(signal, () => stream.cancel());
    stream.send({ createRequest: range });
  });
}
