// @ts-check
import { setTimeout as sleep } from "node:timers/promises";

/**
 * What every measure is given.
 *
 * @typedef {object} Bench
 * @property {import("etcd-discovery/testing").EtcdCluster} etcd the one etcd that all measures share
 * @property {number} rounds how often each contender is measured
 * @property {(count: number) => number} times how many repetitions a round has, of those proposed
 * @property {boolean} full whether to take the time for what takes long
 * @property {number} quietSeconds how long etcd is watched while nothing happens, for each contender
 */

/**
 * Runs contenders by turns, round after round, so that what else the machine does meanwhile falls on
 * all of them alike. Each round begins with another one. The first, unmeasured round warms them up.
 *
 * @template T
 * @param {number} rounds
 * @param {Record<string, (round: number) => Promise<T | undefined>>} contenders
 * @param {{ warmUp?: boolean }} [options] default: true
 * @returns {Promise<Record<string, T[]>>} what they returned, by their names, but for undefined
 */
export async function byTurns(rounds, contenders, { warmUp = true } = {}) {
  const names = Object.keys(contenders);
  /** @type {Record<string, T[]>} */
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = warmUp ? -1 : 0; round < rounds; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + 1 + turn) % names.length] ?? "";
      const result = await contenders[name]?.(round);
      if (round >= 0 && result !== undefined) results[name]?.push(result);
    }
  }
  return results;
}

/**
 * The middle of some numbers; NaN of none.
 *
 * @param {readonly number[]} numbers
 */
export function median(numbers) {
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The median of each contender.
 *
 * @param {Record<string, number[]>} results
 * @returns {{ ours: number, peer: number, bare: number }}
 */
export function medians({ ours = [], peer = [], bare = [] }) {
  return { ours: median(ours), peer: median(peer), bare: median(bare) };
}

/**
 * The same of one of several things that were measured in each round.
 *
 * @template {string} T
 * @param {Record<string, Record<T, number>[]>} results
 * @param {T} what
 */
export function mediansOf(results, what) {
  const each = Object.entries(results).map(([name, rounds]) => [
    name,
    rounds.map((it) => it[what]),
  ]);
  return medians(Object.fromEntries(each));
}

/**
 * How long one call takes in milliseconds, the median of `count` made one after the other.
 *
 * @param {number} count
 * @param {() => Promise<unknown>} call
 */
export async function latency(count, call) {
  const taken = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    await call();
    taken.push(performance.now() - start);
  }
  return median(taken);
}

/**
 * How many calls a second are answered while `width` of them are under way all the time.
 *
 * @param {number} count how many to make
 * @param {number} width
 * @param {() => Promise<unknown>} call
 */
export async function throughput(count, width, call) {
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  return (count / (performance.now() - start)) * 1_000;
}

/**
 * Asks again and again until the answer is yes; returns when that was.
 *
 * @param {() => boolean | Promise<boolean>} question
 * @param {{ everyMs?: number, withinMs?: number, signal?: AbortSignal, what: string }} options
 */
export async function until(question, { everyMs = 2, withinMs = 60_000, signal, what }) {
  const deadline = instant() + withinMs;
  while (!(await question())) {
    signal?.throwIfAborted();
    if (instant() > deadline) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
    await sleep(everyMs);
  }
  return instant();
}

/** Milliseconds of CPU time that this process has used. */
export function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Milliseconds by the clock of the machine, which its processes can compare with each other. */
export function instant() {
  return Number(process.hrtime.bigint()) / 1e6;
}
