import { finish, START, update } from '../runtime/crc32.ts'
import type { Slices } from '../runtime/slices.ts'

/** How many points a server has on the ring for each unit of its weight. */
const POINTS = 160

/** The maximum number of points in all. Beyond it, every server has fewer, in proportion. */
const MAX_POINTS = 4_194_304

/** How many points are processed in one slice of the building: less than 2 ms for any step. */
const SLICE = 16_384

/** How many points are sorted at a time, on average. */
const BUCKET = 1024

/** An owner of points on the ring. */
export interface RingMember {
  readonly name: string
  readonly weight: number
}

/**
 * The ring of consistent hashing: every member has many points on a circle of 2^32 places, and a place belongs to the
 * first point from there on. Ketama as in nginx's `hash … consistent` and Cache::Memcached::Fast: a member's name is
 * hashed as host NUL port, and each point is the CRC-32 of that and the point before.
 */
export class Ring {
  readonly #points: Uint32Array
  /** The index of each point's member. */
  readonly #owners: Uint16Array

  /** @param points in ascending order, without duplicates */
  private constructor(points: Uint32Array, owners: Uint16Array) {
    this.#points = points
    this.#owners = owners
  }

  static *build(members: readonly RingMember[]): Slices<Ring> {
    const weight = members.reduce((sum, member) => sum + member.weight, 0)
    const scale = Math.min(POINTS, MAX_POINTS / weight)
    const counts = Uint32Array.from(members, (member) => count(member, scale))
    const length = counts.reduce((sum, count) => sum + count, 0)
    const unsorted = new Uint32Array(length)
    yield* setPoints(members, counts, unsorted)
    const sorted = yield* sort(counts, unsorted)
    const points = unsorted
    const owners = new Uint16Array(length)
    let kept = 0
    for (let at = 0; at < length; at++) {
      const point = Math.floor(sorted[at]! / 65_536)
      if (kept === 0 || points[kept - 1] !== point) {
        points[kept] = point
        owners[kept++] = sorted[at]! % 65_536
      }
      if (at % SLICE === SLICE - 1) yield
    }
    return new Ring(points.subarray(0, kept), owners.subarray(0, kept))
  }

  /** How many points there are. */
  get length(): number {
    return this.#points.length
  }

  /** The index of the point that a hash belongs to. */
  find(hash: number): number {
    const points = this.#points
    let low = 0
    let high = points.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (points[middle]! < hash) low = middle + 1
      else high = middle
    }
    return low === points.length ? 0 : low
  }

  /** The index of the member that owns a point. Points beyond the last start again from the first. */
  owner(point: number): number {
    return this.#owners[point % this.#owners.length]!
  }
}

/** Computes the points of all members, one member after the other. */
function* setPoints(members: readonly RingMember[], counts: Uint32Array, points: Uint32Array): Slices<void> {
  const previous = new Uint8Array(4)
  let at = 0
  for (let owner = 0, end = 0; owner < members.length; owner++) {
    const base = update(START, Buffer.from(nameOnRing(members[owner]!.name)))
    previous.fill(0)
    for (end += counts[owner]!; at < end; at++) {
      const point = finish(update(base, previous))
      for (let byte = 0; byte < 4; byte++) previous[byte] = point >>> (8 * byte)
      points[at] = point
      if (at % SLICE === SLICE - 1) yield
    }
  }
}

/**
 * Sorts points, as numbers with the point above its owner, so that among equal points the earlier member's is first.
 * Sorting all of them at once would take too long for a slice, so they are distributed to buckets by their first bits,
 * and each bucket is sorted separately.
 */
function* sort(counts: Uint32Array, points: Uint32Array): Slices<Float64Array> {
  const { length } = points
  const bits = Math.max(1, Math.ceil(Math.log2(length / BUCKET)))
  const shift = 32 - bits
  // The start of each bucket; once it is filled, its end.
  const places = new Uint32Array(2 ** bits + 1)
  for (let at = 0; at < length; at++) {
    places[(points[at]! >>> shift) + 1]! += 1
    if (at % SLICE === SLICE - 1) yield
  }
  for (let bucket = 1; bucket < places.length; bucket++) places[bucket]! += places[bucket - 1]!
  const sorted = new Float64Array(length)
  let at = 0
  for (let owner = 0, end = 0; owner < counts.length; owner++) {
    for (end += counts[owner]!; at < end; at++) {
      const point = points[at]!
      sorted[places[point >>> shift]!++] = point * 65_536 + owner
      if (at % SLICE === SLICE - 1) yield
    }
  }
  for (let bucket = 0, from = 0, pause = SLICE; from < length; bucket++) {
    const to = places[bucket]!
    sorted.subarray(from, to).sort()
    from = to
    if (to < pause) continue
    pause = to + SLICE
    yield
  }
  return sorted
}

function count({ weight }: RingMember, scale: number): number {
  return Math.max(1, Math.floor(weight * scale))
}

/**
 * The bytes of a name that are hashed: the colon before a port becomes NUL; without a port, NUL is appended. For a Unix
 * socket, the path.
 */
function nameOnRing(name: string): string {
  if (name.startsWith('unix:/')) return `${name.slice('unix:'.length)}\0`
  const [, host = name, port = ''] = /^(.*):(\d*)$/s.exec(name) ?? []
  return `${host}\0${port}`
}
