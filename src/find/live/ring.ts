import { hash, mixed } from "./hash.ts";

/** Somebody on the ring. */
export interface Owner {
  readonly id: string;

  /** How many points it has; whole. */
  readonly points: number;
}

/** A second, independent hash, so that two ids with the same first one do not share all their points. */
const secondSeed = 0x9e3779b9;

/** Packs a point and its owner's slot into the 53 bits of a number. */
const slotRange = 2 ** 21;

/** Shorter stretches are copied point by point, as that takes less than to have it done. */
const shortStretch = 64;

/** How many points share an entry of the index, more or less. */
const pointsAnEntry = 4;

/** An owner and its number here, which never changes while it is on the ring. */
interface Slot extends Owner {
  readonly slot: number;
}

/**
 * A hash ring: each owner has points on a circle of 2³², and a number belongs to the owner of the
 * next point. Owners that come take only what falls to them, those that go leave theirs to others,
 * and the rest stays as it is; where an owner's points are depends on its id alone, so that all
 * processes agree. What changes is merged in, which takes a fraction of building all of it.
 */
export class Ring {
  readonly #slots = new Map<string, Slot>();
  readonly #ids: (string | undefined)[] = [];

  /**
   * Each point, and after it the slot of its owner, so that a look at the one brings the other along.
   * Sorted; points that fall on each other by the ids of their owners.
   */
  #points: Points = new Uint32Array(0);

  /** By the first bits of a number, the first point that is not before all such numbers: what is left to search is a few points. */
  #firsts = new Uint32Array(1);
  #shift = 31;

  /** How many points there are. */
  get size(): number {
    return this.#points.length / 2;
  }

  /** How many slots have ever been in use at once; each is a number below this. */
  get slots(): number {
    return this.#ids.length;
  }

  /** From now on these are on the ring, each id once. */
  update(owners: readonly Owner[]): void {
    const stays = new Map(owners.map((owner) => [owner.id, owner]));
    const gone: Slot[] = [];
    for (const slot of this.#slots.values()) {
      // One that has another number of points now keeps those that both numbers have, by getting the same ones again.
      if (stays.get(slot.id)?.points !== slot.points) gone.push(slot);
    }
    if (gone.length > 0) this.#remove(gone);
    const added = this.#added(owners);
    if (added.length > 0) this.#insert(added);
    if (gone.length > 0 || added.length > 0) this.#index();
  }

  /** The slot of the owner with this id; -1: none. */
  slotOf(id: string): number {
    return this.#slots.get(id)?.slot ?? -1;
  }

  /** The place on the ring of the first point at or after a number. There must be a point. */
  find(number: number): number {
    const points = this.#points;
    let at = this.#firsts[number >>> this.#shift] ?? 0;
    while (at < points.length && (points[at] ?? 0) < number) at += 2;
    return at === points.length ? 0 : at / 2;
  }

  /** The slot of the owner of a place. */
  owner(place: number): number {
    return this.#points[place * 2 + 1] ?? -1;
  }

  /** Gives slots to those that have none. */
  #added(owners: readonly Owner[]): readonly Slot[] {
    const added: Slot[] = [];
    let free = 0;
    for (const { id, points } of owners) {
      if (this.#slots.has(id)) continue;
      while (this.#ids[free] !== undefined) free += 1;
      const slot = { id, points, slot: free };
      this.#ids[free] = id;
      this.#slots.set(id, slot);
      added.push(slot);
    }
    return added;
  }

  #remove(gone: readonly Slot[]): void {
    const isGone = new Uint8Array(this.#ids.length);
    for (const { id, slot } of gone) {
      isGone[slot] = 1;
      this.#slots.delete(id);
      this.#ids[slot] = undefined;
    }
    const points = this.#points;
    let to = 0;
    for (let at = 0; at < points.length; at += 2) {
      const owner = points[at + 1] ?? 0;
      if (isGone[owner] === 1) continue;
      points[to] = points[at] ?? 0;
      points[to + 1] = owner;
      to += 2;
    }
    this.#points = points.slice(0, to);
  }

  #insert(added: readonly Slot[]): void {
    const packed = packedPoints(added);
    const points = this.#points;
    const edit = new Edit(points, packed.length * 2);
    for (const each of packed) {
      const point = Math.floor(each / slotRange);
      const slot = each % slotRange;
      let at = firstAtOrAfter(points, point);
      while (points[at] === point && this.#before(points[at + 1], slot)) at += 2;
      edit.copyUpTo(at);
      edit.append(point, slot);
    }
    this.#points = edit.finish();
    this.#settleTies();
  }

  /** Puts points that fall on each other, and came at the same time, in the order of their ids. */
  #settleTies(): void {
    const points = this.#points;
    for (let at = 2; at < points.length; at += 2) {
      const point = points[at] ?? 0;
      if (point !== points[at - 2]) continue;
      const owner = points[at + 1] ?? 0;
      let to = at;
      while (to > 0 && points[to - 2] === point && this.#before(owner, points[to - 1])) {
        points[to + 1] = points[to - 1] ?? 0;
        to -= 2;
      }
      points[to + 1] = owner;
    }
  }

  #before(one: number | undefined, other: number | undefined): boolean {
    return (this.#ids[one ?? -1] ?? "") < (this.#ids[other ?? -1] ?? "");
  }

  #index(): void {
    const points = this.#points;
    const bits = Math.max(1, Math.ceil(Math.log2(this.size / pointsAnEntry + 1)));
    const shift = 32 - bits;
    const firsts = new Uint32Array(2 ** bits);
    let entry = 0;
    for (let at = 0; at < points.length; at += 2) {
      const last = (points[at] ?? 0) >>> shift;
      while (entry <= last) {
        firsts[entry] = at;
        entry += 1;
      }
    }
    firsts.fill(points.length, entry);
    this.#firsts = firsts;
    this.#shift = shift;
  }
}

/** Points and owners by turns. */
type Points = Uint32Array<ArrayBuffer>;

/** The points of these, each with its slot in one number, sorted: numbers sort many times faster than pairs. */
function packedPoints(slots: readonly Slot[]): Float64Array {
  const packed = new Float64Array(slots.reduce((sum, { points }) => sum + points, 0));
  let at = 0;
  for (const { id, points, slot } of slots) {
    const first = hash(id);
    const step = hash(id, secondSeed) | 1;
    for (let index = 0; index < points; index += 1) {
      packed[at] = mixed(first + Math.imul(step, index)) * slotRange + slot;
      at += 1;
    }
  }
  return packed.sort();
}

/** Where the first point is that is not before a number. */
function firstAtOrAfter(points: Points, number: number): number {
  let low = 0;
  let high = points.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle * 2] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low * 2;
}

/** A new version of points, made of stretches of the old one and of what is new. */
class Edit {
  readonly #old: Points;
  readonly #new: Points;

  /** How far the old version is taken over, and the new one is made. */
  #from = 0;
  #to = 0;

  constructor(points: Points, growth: number) {
    this.#old = points;
    this.#new = new Uint32Array(points.length + growth);
  }

  copyUpTo(at: number): void {
    const count = at - this.#from;
    if (count > shortStretch) {
      this.#new.set(this.#old.subarray(this.#from, at), this.#to);
      this.#from = at;
      this.#to += count;
    }
    while (this.#from < at) {
      this.append(this.#old[this.#from] ?? 0, this.#old[this.#from + 1] ?? 0);
      this.#from += 2;
    }
  }

  append(point: number, owner: number): void {
    this.#new[this.#to] = point;
    this.#new[this.#to + 1] = owner;
    this.#to += 2;
  }

  finish(): Points {
    this.copyUpTo(this.#old.length);
    return this.#new;
  }
}
