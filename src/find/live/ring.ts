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
const shortStretch = 32;

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

  /** Sorted; those that fall on each other by the ids of their owners. */
  #points = new Uint32Array(0);

  /** Whose each of the points is. */
  #owners = new Uint32Array(0);

  /** By the first bits of a number, the first point that is not before all such numbers: what is left to search is a few points. */
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
    let place = this.#firsts[number >>> this.#shift] ?? 0;
    while (place < points.length && (points[place] ?? 0) < number) place += 1;
    return place === points.length ? 0 : place;
  }

  /** The slot of the owner of a place. */
  owner(place: number): number {
    return this.#owners[place] ?? -1;
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
    const [points, owners] = [this.#points, this.#owners];
    let count = 0;
    for (let place = 0; place < points.length; place += 1) {
      const owner = owners[place] ?? 0;
      if (isGone[owner] === 1) continue;
      points[count] = points[place] ?? 0;
      owners[count] = owner;
      count += 1;
    }
    this.#points = points.slice(0, count);
    this.#owners = owners.slice(0, count);
  }

  #insert(added: readonly Slot[]): void {
    const packed = packedPoints(added);
    const edit = new Edit(this.#points, this.#owners, packed.length);
    for (const each of packed) {
      const point = Math.floor(each / slotRange);
      const slot = each % slotRange;
      let place = firstAtOrAfter(this.#points, point);
      while (this.#points[place] === point && this.#before(this.#owners[place], slot)) place += 1;
      edit.copyUpTo(place);
      edit.append(point, slot);
    }
    [this.#points, this.#owners] = edit.finish();
    this.#settleTies();
  }

  /** Puts points that fall on each other, and came at the same time, in the order of their ids. */
  #settleTies(): void {
    const [points, owners] = [this.#points, this.#owners];
    for (let place = 1; place < points.length; place += 1) {
      if (points[place] !== points[place - 1]) continue;
      const owner = owners[place] ?? 0;
      let to = place;
      while (to > 0 && points[to - 1] === points[to] && this.#before(owner, owners[to - 1])) {
        owners[to] = owners[to - 1] ?? 0;
        to -= 1;
      }
      owners[to] = owner;
    }
  }

  #before(one: number | undefined, other: number | undefined): boolean {
    return (this.#ids[one ?? -1] ?? "") < (this.#ids[other ?? -1] ?? "");
  }

  #index(): void {
    const points = this.#points;
    const bits = Math.max(1, Math.ceil(Math.log2(points.length / pointsAnEntry + 1)));
    const shift = 32 - bits;
    const firsts = new Uint32Array(2 ** bits);
    let entry = 0;
    for (let place = 0; place < points.length; place += 1) {
      const last = (points[place] ?? 0) >>> shift;
      while (entry <= last) {
        firsts[entry] = place;
        entry += 1;
      }
    }
    firsts.fill(points.length, entry);
    this.#firsts = firsts;
    this.#shift = shift;
  }
}

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

function firstAtOrAfter(points: Uint32Array, number: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle] ?? 0) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A new version of points and owners, made of stretches of the old one and of what is new. */
class Edit {
  readonly #oldPoints: Uint32Array;
  readonly #oldOwners: Uint32Array;
  readonly #points: Uint32Array<ArrayBuffer>;
  readonly #owners: Uint32Array<ArrayBuffer>;

  /** How far the old version is taken over, and the new one is made. */
  #from = 0;
  #to = 0;

  constructor(points: Uint32Array, owners: Uint32Array, growth: number) {
    this.#oldPoints = points;
    this.#oldOwners = owners;
    this.#points = new Uint32Array(points.length + growth);
    this.#owners = new Uint32Array(points.length + growth);
  }

  copyUpTo(place: number): void {
    const count = place - this.#from;
    if (count > shortStretch) {
      this.#points.set(this.#oldPoints.subarray(this.#from, place), this.#to);
      this.#owners.set(this.#oldOwners.subarray(this.#from, place), this.#to);
      this.#from = place;
      this.#to += count;
    }
    while (this.#from < place) {
      this.append(this.#oldPoints[this.#from] ?? 0, this.#oldOwners[this.#from] ?? 0);
      this.#from += 1;
    }
  }

  append(point: number, owner: number): void {
    this.#points[this.#to] = point;
    this.#owners[this.#to] = owner;
    this.#to += 1;
  }

  finish(): [points: Uint32Array<ArrayBuffer>, owners: Uint32Array<ArrayBuffer>] {
    this.copyUpTo(this.#oldPoints.length);
    return [this.#points, this.#owners];
  }
}
