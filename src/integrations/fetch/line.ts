/** Somebody's place in a line, and in no more than one at a time. */
export class Place<Who> {
  readonly who: Who;

  /** Where it is, and between whom; kept by {@link Line}. */
  line: Line<Who> | undefined;
  before: Place<Who> | undefined;
  after: Place<Who> | undefined;

  constructor(who: Who) {
    this.who = who;
  }

  /** Does nothing where it is in no line. */
  leave(): void {
    this.line?.leave(this);
  }
}

/**
 * Those that stand in line, in the order in which they came. A `Set` would do as well, but for the
 * memory: those that have left one are still known to the tables that it has outgrown, and as soon as
 * one of these is old, V8 keeps everything that ended requests lead to until all of its heap is looked
 * through. Here who has left knows nobody, and nobody knows him.
 */
export class Line<Who> {
  #first: Place<Who> | undefined;
  #last: Place<Who> | undefined;

  /** Who has been there for longest. */
  get first(): Place<Who> | undefined {
    return this.#first;
  }

  /** Comes last from now on, wherever it was. */
  join(place: Place<Who>): void {
    if (place === this.#last) return;
    place.leave();
    const last = this.#last;
    place.line = this;
    place.before = last;
    if (last === undefined) this.#first = place;
    else last.after = place;
    this.#last = place;
  }

  /** Does nothing with one that is not there. */
  leave(place: Place<Who>): void {
    if (place.line !== this) return;
    const { after, before } = place;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    place.line = undefined;
    place.before = undefined;
    place.after = undefined;
  }

  /** All leave, and are returned in their order. */
  clear(): Who[] {
    const all: Who[] = [];
    for (let place = this.#first; place !== undefined; place = this.#first) {
      all.push(place.who);
      this.leave(place);
    }
    return all;
  }
}
