import { setTimeout as sleep } from "node:timers/promises";
import { DiscoveryError } from "../errors.ts";
import type { EtcdJson } from "./etcd-gateway.ts";

/** How often a condition is looked at again while it is waited for. */
const pollMs = 15;

/** Whoever does not answer in that time is taken for one that does not run. */
const statusTimeoutMs = 1_000;

/** A transfer takes a few messages, but an answer never comes if somebody else was elected meanwhile. */
const transferTimeoutMs = 1_000;

/** What a member knows of the leadership. */
interface View<Member> {
  readonly member: Member;
  readonly id: string;

  /** The id of the leader; `"0"` if it knows none. */
  readonly leader: string;
}

/** Calls a member's gateway. */
type Ask<Member> = (
  member: Member,
  path: string,
  body: EtcdJson,
  timeoutMs: number,
) => Promise<EtcdJson>;

/** Who leads a cluster, and its change. */
export class Leadership<Member> {
  readonly #members: readonly Member[];
  readonly #ask: Ask<Member>;

  constructor(members: readonly Member[], ask: Ask<Member>) {
    this.#members = members;
    this.#ask = ask;
  }

  /** Waits until most members name one, and it is there. */
  async leader(timeoutMs: number): Promise<Member> {
    return await this.#wait(timeoutMs, "have no leader", (views) => this.#leaderOf(views)?.member);
  }

  /**
   * Makes this member the leader; resolves when all members that answer name it. Asks again when
   * it came otherwise: elections also happen by themselves.
   */
  async move(to: Member, timeoutMs: number): Promise<void> {
    await this.#wait(timeoutMs, "do not follow that leader", async (views) => {
      const leader = this.#leaderOf(views);
      const next = views.find(({ member }) => member === to);
      if (leader === undefined || next === undefined) return undefined;
      if (leader === next) return views.every((view) => view.leader === next.id) || undefined;
      const path = "/v3/maintenance/transfer-leadership";
      await this.#ask(leader.member, path, { targetID: next.id }, transferTimeoutMs);
      return undefined;
    });
  }

  #leaderOf(views: readonly View<Member>[]): View<Member> | undefined {
    return views.find(
      ({ id }) => 2 * views.filter(({ leader }) => leader === id).length > this.#members.length,
    );
  }

  async #wait<T>(
    timeoutMs: number,
    problem: string,
    look: (views: readonly View<Member>[]) => T | undefined | Promise<T | undefined>,
  ): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      let cause: unknown;
      try {
        const found = await look(await this.#views());
        if (found !== undefined) return found;
      } catch (error) {
        cause = error;
      }
      if (performance.now() > deadline) {
        throw new DiscoveryError("TIMEOUT", `The members of this etcd ${problem}.`, { cause });
      }
      await sleep(pollMs);
    }
  }

  async #views(): Promise<View<Member>[]> {
    const views = await Promise.allSettled(
      this.#members.map(async (member) => {
        const path = "/v3/maintenance/status";
        const { header, leader = "0" } = (await this.#ask(member, path, {}, statusTimeoutMs)) as {
          header: { member_id: string };
          leader?: string;
        };
        return { member, id: header.member_id, leader };
      }),
    );
    return views.flatMap((view) => (view.status === "fulfilled" ? [view.value] : []));
  }
}
