import { finish, START, update } from './crc32.ts'

/** Points that a server has on the ring for each unit of its weight. */
const POINTS = 160

/** The most points in all. Beyond, every server has fewer, in proportion. */
const MAX_POINTS = 4_194_304

/** Whom the ring ties keys to. */
export interface RingMember {
  readonly name: string
  readonly weight: number
}

/**
 * The ring of consistent hashing: every member stands at many points of a circle of 2^32 places, and a place belongs to
 * the first point from there on. Ketama as in nginx's `hash … consistent` and Cache::Memcached::Fast, where a member's
 * name stands as host NUL port, and the CRC-32 of it and of the last point is the next one.
 */
export class Ring {
  readonly #points: Uint32Array
  /** The index of each point's member. */
  readonly #owners: Uint16Array

  constructor(members: readonly RingMember[]) {
    const weight = members.reduce((sum, member) => sum + member.weight, 0)
    const scale = Math.min(POINTS, MAX_POINTS / weight)
    // Sorted as numbers that hold a point above its owner, so that of equal points the earlier member's is first.
    const sorted = new Float64Array(members.reduce((sum, member) => sum + count(member, scale), 0))
    let at = 0
    members.forEach((member, owner) => {
      const base = update(START, Buffer.from(nameOnRing(member.name)))
      const previous = new Uint8Array(4)
      for (let left = count(member, scale); left > 0; left--) {
        const point = finish(update(base, previous))
        for (let byte = 0; byte < 4; byte++) previous[byte] = point >>> (8 * byte)
        sorted[at++] = point * 65_536 + owner
      }
    })
    sorted.sort()
    this.#points = new Uint32Array(sorted.length)
    this.#owners = new Uint16Array(sorted.length)
    let length = 0
    for (const entry of sorted) {
      const point = Math.floor(entry / 65_536)
      if (length > 0 && this.#points[length - 1] === point) continue
      this.#points[length] = point
      this.#owners[length] = entry % 65_536
      length++
    }
    this.#points = this.#points.slice(0, length)
    this.#owners = this.#owners.slice(0, length)
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

  /** The index of the member that stands at a point; the points go on from the last to the first. */
  owner(point: number): number {
    return this.#owners[point % this.#owners.length]!
  }
}

function count({ weight }: RingMember, scale: number): number {
  return Math.max(1, Math.floor(weight * scale))
}

/**
 * What is hashed of a name: the colon before a port at its end becomes NUL; without a port, NUL comes last. Of a Unix
 * socket, the path.
 */
function nameOnRing(name: string): string {
  if (name.startsWith('unix:/')) return `${name.slice('unix:'.length)}\0`
  const [, host = name, port = ''] = /^(.*):(\d*)$/s.exec(name) ?? []
  return `${host}\0${port}`
}
