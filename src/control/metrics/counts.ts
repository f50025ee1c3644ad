import { MAX_ROUTES, MAX_SERVERS, MAX_UPSTREAMS } from '../../runtime/bounds.ts'
import {
  NO_UPSTREAM,
  ROUTE_CELLS,
  SERVER_CELLS,
  type TallyRegions,
  UPSTREAM_CELLS,
  WORKER_CELLS,
} from '../../runtime/tallies/layout.ts'
import type { Tallies } from '../../runtime/tallies.ts'
import type { ServerHolding, SlotBook, UpstreamHolding } from '../slots/slot-book.ts'
import { cellNames } from './cell-names.ts'

type Region = keyof TallyRegions

/** How many cells a slot has. */
export const sizes: Readonly<Record<Region, number>> = {
  worker: WORKER_CELLS,
  servers: SERVER_CELLS,
  upstreams: UPSTREAM_CELLS,
  routes: ROUTE_CELLS,
}

/** How many names are remembered: as many removed ones as there can be of others. */
const mostNames: Readonly<Record<Region, number>> = {
  worker: 1,
  servers: 2 * MAX_SERVERS,
  upstreams: 2 * MAX_UPSTREAMS,
  routes: 2 * MAX_ROUTES,
}
/** How many are forgotten at a time, as a share of those. */
const FORGOTTEN = 1 / 16

/** What was counted of one name, by the names of cells. */
export interface NamedCounts {
  readonly region: Region
  /** An upstream; an upstream and the id of a server; a route; none for what belongs to the process. */
  readonly name: readonly string[]
  readonly counts: Readonly<Record<string, number>>
}

/**
 * Everything that was counted, by names: what is in the cells of their slots, and what was counted before they had these: by
 * the process that this one replaced, or before they were removed and came back.
 */
export class Counts {
  readonly #tallies: Tallies
  readonly #slots: SlotBook
  readonly #elsewhere: ReadonlyMap<number, () => number>
  readonly #earlier: Readonly<Record<Region, Map<string, Float64Array>>> = {
    worker: new Map(),
    servers: new Map(),
    upstreams: new Map(),
    routes: new Map(),
  }

  /** @param elsewhere what this process counts elsewhere, by WorkerCell */
  constructor(tallies: Tallies, slots: SlotBook, elsewhere: ReadonlyMap<number, () => number> = new Map()) {
    this.#tallies = tallies
    this.#slots = slots
    this.#elsewhere = elsewhere
  }

  /**
   * All that was counted of one name, which has that slot.
   *
   * @param cells gets it, and has as many cells as a slot of that region
   */
  read(region: Region, slot: number, name: readonly string[], cells: Float64Array): void {
    this.#tallies.read(region, slot, cells)
    const earlier = this.#earlier[region]
    const own = earlier.size === 0 ? undefined : earlier.get(keyOf(name))
    if (own !== undefined) addTo(cells, own)
    if (region === 'worker') for (const [cell, count] of this.#elsewhere) cells[cell]! += count()
  }

  // ── slots that are returned ────────────────────────────────────────────────────────────────────────────────────

  /** The slot of a removed server is about to be returned. */
  keepServer({ id, slot, upstream }: ServerHolding): void {
    this.#keep('servers', slot, [upstream.name, id])
  }

  keepUpstream({ name, slot }: UpstreamHolding): void {
    this.#keep('upstreams', slot, [name])
  }

  #keep(region: 'servers' | 'upstreams', slot: number, name: readonly string[]): void {
    const cells = new Float64Array(sizes[region])
    this.#tallies.read(region, slot, cells)
    if (cells.every((cell) => cell === 0)) return
    this.#tallies.zero(region, slot)
    this.#add(region, name, cells)
  }

  // ── other processes ────────────────────────────────────────────────────────────────────────────────────────────

  /** All of it, for the process that replaces this one. */
  all(): NamedCounts[] {
    const read: NamedCounts[] = []
    const known = new Set<string>()
    for (const [region, slot, name] of this.#present()) {
      const cells = new Float64Array(sizes[region])
      this.read(region, slot, name, cells)
      read.push(named(region, name, cells))
      known.add(`${region} ${keyOf(name)}`)
    }
    const gone = Object.entries(this.#earlier).flatMap(([region, earlier]) =>
      Array.from(earlier)
        .filter(([key]) => !known.has(`${region} ${key}`))
        .map(([key, cells]) => named(region as Region, JSON.parse(key), cells)),
    )
    return [...read, ...gone].filter(({ counts }) => Object.keys(counts).length > 0)
  }

  /** Adds what another process has counted. What it counted in cells that do not exist here is lost. */
  add(counted: readonly NamedCounts[]): void {
    for (const { region, name, counts } of counted) {
      const cells = new Float64Array(sizes[region])
      for (const [cell, count] of Object.entries(counts)) {
        const at = cellNames[region].indexOf(cell)
        if (at >= 0) cells[at] = count
      }
      this.#add(region, name, cells)
    }
  }

  #add(region: Region, name: readonly string[], cells: Float64Array): void {
    const earlier = this.#earlier[region]
    const key = keyOf(name)
    const known = earlier.get(key)
    if (known === undefined) earlier.set(key, cells)
    else addTo(known, cells)
    if (earlier.size > mostNames[region]) this.#forgetSome(region)
  }

  /** Forgets names that have no slot: those that were removed first. */
  #forgetSome(region: Region): void {
    const present = new Set<string>()
    for (const [each, , name] of this.#present()) if (each === region) present.add(keyOf(name))
    const earlier = this.#earlier[region]
    const left = Math.floor(mostNames[region] * (1 - FORGOTTEN))
    for (const key of earlier.keys()) {
      if (earlier.size <= left) return
      if (!present.has(key)) earlier.delete(key)
    }
  }

  /** Everything that has a slot. */
  *#present(): Generator<[region: Region, slot: number, name: readonly string[]]> {
    yield ['worker', 0, []]
    yield ['upstreams', NO_UPSTREAM, []]
    yield ['routes', 0, []]
    for (const [label, slot] of this.#slots.routes.labels) yield ['routes', slot, [label]]
    for (const { name, slot, servers } of this.#slots.upstreams) {
      yield ['upstreams', slot, [name]]
      for (const server of servers.values()) yield ['servers', server.slot, [name, server.id]]
    }
  }
}

/** What was counted since. */
export function countsSince(before: readonly NamedCounts[], now: readonly NamedCounts[]): NamedCounts[] {
  const known = new Map(before.map(({ region, name, counts }) => [`${region} ${keyOf(name)}`, counts]))
  return now.flatMap(({ region, name, counts }) => {
    const from = known.get(`${region} ${keyOf(name)}`) ?? {}
    const more = Object.entries(counts).flatMap(([cell, count]): [string, number][] => {
      const difference = count - (from[cell] ?? 0)
      return difference > 0 ? [[cell, difference]] : []
    })
    return more.length === 0 ? [] : [{ region, name, counts: Object.fromEntries(more) }]
  })
}

function keyOf(name: readonly string[]): string {
  return JSON.stringify(name)
}

function addTo(sums: Float64Array, more: Float64Array): void {
  for (let cell = 0; cell < sums.length; cell++) sums[cell]! += more[cell]!
}

function named(region: Region, name: readonly string[], cells: Float64Array): NamedCounts {
  const counts = cellNames[region].flatMap((cell, at): [string, number][] =>
    cell !== undefined && cells[at]! > 0 ? [[cell, cells[at]!]] : [],
  )
  return { region, name, counts: Object.fromEntries(counts) }
}
