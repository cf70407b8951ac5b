import type { IncomingHttpHeaders } from "node:http2";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  type Event,
  type WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from "../../src/store/etcd3/gen/etcd.ts";
import type { KeyRange } from "../../src/store/etcd3/keys.ts";
import type { ScriptedEtcd } from "./scripted-etcd.ts";
import { frame, type ScriptedCall } from "./scripted-grpc-server.ts";

/** A refusal of a call, as etcd words them. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** One stream of watches at the server. */
export class ScriptedWatches {
  /** All that the client has sent, in order. */
  readonly requests: WatchRequest[] = [];

  /** The watches that were asked for and not cancelled, by their ids. */
  readonly wanted: Map<bigint, WatchCreateRequest> = new Map();

  /** Whether requests for progress are answered. */
  answersProgress = true;

  readonly #etcd: ScriptedEtcd;
  readonly #call: ScriptedCall;
  #onCreate: (watch: WatchCreateRequest) => void = () => {};

  /** Those that are told of what is written. */
  readonly #served = new Map<bigint, WatchCreateRequest>();

  constructor(etcd: ScriptedEtcd, call: ScriptedCall) {
    this.#etcd = etcd;
    this.#call = call;
    call.respond();
  }

  get headers(): IncomingHttpHeaders {
    return this.#call.headers;
  }

  /** Whether neither side has ended it. */
  get open(): boolean {
    return !this.#call.stream.destroyed;
  }

  /** What is done when a watch is asked for, also with those that were before this is called. */
  each(onCreate: (watch: WatchCreateRequest) => void): void {
    this.#onCreate = onCreate;
    for (const watch of this.wanted.values()) onCreate(watch);
  }

  /** Accepts every watch, tells it what it has missed, and from then on what is written. */
  serve(): void {
    this.each((watch) => {
      this.accept(watch);
      this.catchUp(watch);
    });
  }

  /** Accepts a watch, and tells nothing yet. */
  accept({ watchId = 0n }: WatchCreateRequest): void {
    this.send({ watchId, created: true });
  }

  /** Tells a watch all that it has missed in one message, and from then on what is written. */
  catchUp(watch: WatchCreateRequest): void {
    const events = this.missed(watch);
    if (events.length > 0) this.send({ watchId: watch.watchId ?? 0n, events });
    this.#served.set(watch.watchId ?? 0n, watch);
  }

  /** All that happened in the range of a watch since its start. */
  missed(watch: WatchCreateRequest): Event[] {
    return this.#etcd.events(watch, Number(watch.startRevision ?? 0n));
  }

  /** Tells those watches of events that follow them, if they are served. */
  tell(events: readonly Event[]): void {
    for (const [watchId, watch] of this.#served) {
      const theirs = events.filter(({ kv }) => kv !== undefined && isIn(kv.key, watch));
      if (theirs.length > 0 && this.open) this.send({ watchId, events: theirs });
    }
  }

  /** Sends a message; what is not given is as etcd has it where it says nothing. */
  send(message: Partial<WatchResponse>): void {
    const silence = WatchResponse.decode(new BinaryReader(new Uint8Array(0)));
    const bytes = WatchResponse.encode({ ...silence, header: this.#etcd.header, ...message });
    void this.#call.send(frame(bytes.finish())).catch(() => {});
  }

  /** Ends the stream with a status. */
  end(refusal: Refusal): void {
    this.#call.finish({
      "grpc-status": String(refusal.status),
      "grpc-message": encodeURIComponent(refusal.message),
    });
  }

  /** Reads what the client sends, to the end. */
  async read(): Promise<void> {
    for (let bytes = await this.#call.next(); bytes; bytes = await this.#call.next()) {
      const request = WatchRequest.decode(bytes);
      const { createRequest, cancelRequest, progressRequest } = request;
      this.requests.push(request);
      if (createRequest !== undefined) {
        this.wanted.set(createRequest.watchId ?? 0n, createRequest);
        this.#onCreate(createRequest);
      }
      if (cancelRequest !== undefined) {
        const { watchId } = cancelRequest;
        this.wanted.delete(watchId);
        this.#served.delete(watchId);
        this.send({ watchId, canceled: true });
      }
      if (progressRequest !== undefined && this.answersProgress) this.send({ watchId: -1n });
    }
  }
}

/** Whether a key is in a range. */
export function isIn(key: Uint8Array, { key: start, rangeEnd }: KeyRange): boolean {
  if (rangeEnd === undefined || rangeEnd.length === 0) return Buffer.compare(key, start) === 0;
  return Buffer.compare(key, start) >= 0 && Buffer.compare(key, rangeEnd) < 0;
}
