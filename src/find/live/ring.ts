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

  /** Sorted, and whose each of them is. */
  #points = new Uint32Array(0);
  #owners = new Uint32Array(0);

  /** By its first bits, the first point that is not before a number: what is left to search is a point or two. */
  #firsts = new Uint32Array(1);
  #shift = 31;

  /** How many points there are. */
  get size(): number {
    return this.#points.length;
  }

  /** How many slots have ever been in use at once; each is a number below this. */
  get slots(): number {
    return this.#ids.length;
  }

  /** From now on these are on the ring, each id once. */
  update(owners: readonly Owner[]): void {
    const stays = new Map(owners.map((owner) => [owner.id, owner]));
    const gone = new Set<number>();
    for (const { id, points, slot } of this.#slots.values()) {
      // One that has more points now, or fewer, keeps those it has in both cases by having the same ones again.
      if (stays.get(id)?.points === points) continue;
      gone.add(slot);
      this.#slots.delete(id);
      this.#ids[slot] = undefined;
    }
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
    if (gone.size > 0 || added.length > 0) this.#merge(gone, this.#pointsOf(added));
  }

  /** The slot of the owner with this id; -1: none. */
  slotOf(id: string): number {
    return this.#slots.get(id)?.slot ?? -1;
  }

  /** The place on the ring of the first point at or after a number. There must be a point. */
  find(number: number): number {
    const points = this.#points;
    let place = this.#firsts[number >>> this.#shift] ?? 0;
    while (place < points.length && (points[place] ?? 0) < number) place += 1;
    return place === points.length ? 0 : place;
  }

  /** The slot of the owner of a place. */
  owner(place: number): number {
    return this.#owners[place] ?? -1;
  }

  /** The points of these, packed and sorted. */
  #pointsOf(added: readonly Slot[]): Float64Array {
    const packed = new Float64Array(added.reduce((sum, { points }) => sum + points, 0));
    let at = 0;
    for (const { id, points, slot } of added) {
      const first = hash(id);
      const step = hash(id, secondSeed) | 1;
      for (let index = 0; index < points; index += 1) {
        packed[at] = mixed(first + Math.imul(step, index)) * slotRange + slot;
        at += 1;
      }
    }
    return packed.sort();
  }

  #merge(gone: ReadonlySet<number>, added: Float64Array): void {
    const [oldPoints, oldOwners] = [this.#points, this.#owners];
    const points = new Uint32Array(oldPoints.length + added.length);
    const owners = new Uint32Array(points.length);
    // A slot may have been given to another one at once, so what is gone goes before anything comes.
    const isGone = new Uint8Array(this.#ids.length);
    for (const slot of gone) isGone[slot] = 1;
    let count = 0;
    let next = 0;
    const append = (point: number, owner: number): void => {
      let place = count;
      // Points that fall on each other go by their ids, whoever came first.
      while (place > 0 && points[place - 1] === point && this.#before(owner, owners[place - 1])) {
        owners[place] = owners[place - 1] ?? 0;
        place -= 1;
      }
      points[count] = point;
      owners[place] = owner;
      count += 1;
    };
    for (let place = 0; place <= oldPoints.length; place += 1) {
      const point = oldPoints[place] ?? Infinity;
      const owner = oldOwners[place] ?? 0;
      if (place < oldPoints.length && isGone[owner] === 1) continue;
      for (; next < added.length; next += 1) {
        const packed = added[next] ?? 0;
        const newer = Math.floor(packed / slotRange);
        if (newer > point) break;
        append(newer, packed % slotRange);
      }
      if (place < oldPoints.length) append(point, owner);
    }
    this.#points = points.slice(0, count);
    this.#owners = owners.slice(0, count);
    this.#index();
  }

  #before(one: number, other: number | undefined): boolean {
    return (this.#ids[one] ?? "") < (this.#ids[other ?? -1] ?? "");
  }

  #index(): void {
    const points = this.#points;
    const bits = Math.max(1, Math.ceil(Math.log2(points.length + 1)));
    this.#shift = 32 - bits;
    const firsts = new Uint32Array(2 ** bits);
    let place = 0;
    for (let bucket = 0; bucket < firsts.length; bucket += 1) {
      const start = bucket * 2 ** this.#shift;
      while (place < points.length && (points[place] ?? 0) < start) place += 1;
      firsts[bucket] = place;
    }
    this.#firsts = firsts;
  }
}
