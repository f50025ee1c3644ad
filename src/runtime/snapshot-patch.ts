import type { Snapshot } from './snapshot.ts'

/**
 * What has changed from one Snapshot to the next, as plain data that is small where little has changed: to clone 10,000 servers
 * takes a worker 15 ms, to learn that one of them has another weight takes none.
 */
export interface SnapshotPatch {
  /** The generation that it changes. */
  readonly from: number
  /** Undefined where the two say the same. */
  readonly change: Change | undefined
}

/** How a value has changed. */
type Change =
  /** It is another. */
  | { readonly value: unknown }
  /** Some fields of a record have changed. `keys` are all of its keys, if they or their order differ from the former ones. */
  | { readonly fields: readonly (readonly [key: string, change: Change])[]; readonly keys?: readonly string[] }
  /** The items of a list, in order. */
  | { readonly items: readonly Item[] }

type Item =
  /** So many consecutive items of the former list. */
  | { readonly from: number; count: number }
  /** The one that stood there, changed. */
  | { readonly of: number; readonly change: Change }
  | { readonly value: unknown }

type Fields = Readonly<Record<string, unknown>>

/** What leads from one Snapshot to another. Parts that are the same object in both are not looked into. */
export function difference(before: Snapshot, next: Snapshot): SnapshotPatch {
  return { from: before.generation, change: changeOf(before, next) }
}

/**
 * The Snapshot that comes of a patch: whatever has not changed in it (an upstream, a server, the routes, the limits) is the
 * same object as before.
 *
 * @throws Error where the patch was made for another Snapshot than that
 */
export function patched(before: Snapshot, { from, change }: SnapshotPatch): Snapshot {
  if (before.generation !== from)
    throw new Error(`a change of generation ${from} cannot be applied to generation ${before.generation}`)
  return change === undefined ? before : (applied(before, change) as Snapshot)
}

/** Undefined where both are the same. */
function changeOf(before: unknown, next: unknown): Change | undefined {
  if (Object.is(before, next)) return undefined
  if (Array.isArray(before) && Array.isArray(next)) return changeOfList(before, next)
  if (isBytes(before) && isBytes(next) && Buffer.compare(before, next) === 0) return undefined
  if (isRecord(before) && isRecord(next)) return changeOfRecord(before, next)
  return { value: next }
}

function changeOfRecord(before: Fields, next: Fields): Change | undefined {
  const keys = Object.keys(next)
  const fields: [string, Change][] = []
  for (const key of keys) {
    const change = Object.hasOwn(before, key) ? changeOf(before[key], next[key]) : { value: next[key] }
    if (change !== undefined) fields.push([key, change])
  }
  const keysBefore = Object.keys(before)
  // The order of headers is seen on the wire.
  const hasSameKeys = keys.length === keysBefore.length && keys.every((key, index) => key === keysBefore[index])
  if (!hasSameKeys) return { fields, keys }
  return fields.length === 0 ? undefined : { fields }
}

function changeOfList(before: readonly unknown[], next: readonly unknown[]): Change | undefined {
  const items: Item[] = []
  const places = new Places(before, next)
  let isSame = before.length === next.length
  for (const [index, value] of next.entries()) {
    const of = places.find(value, index)
    const change = of === undefined ? undefined : changeOf(before[of], value)
    isSame &&= of === index && change === undefined
    if (of === undefined) items.push({ value })
    else if (change !== undefined) items.push({ of, change })
    else keep(items, of)
  }
  return isSame ? undefined : { items }
}

function keep(items: Item[], from: number): void {
  const last = items.at(-1)
  if (last !== undefined && 'count' in last && last.from + last.count === from) last.count++
  else items.push({ from, count: 1 })
}

/** Where items of the next list stood in the one before: known by their names, else by all that they say. */
class Places {
  readonly #before: readonly unknown[]
  /** By how much those move that stand behind the only place where items come or go. */
  readonly #shift: number
  /** So many items at the start are the same objects in both, and those from that index of the next list on: in long lists, most. */
  #same = 0
  #sameFrom: number
  /** Of the others; made for the first item that is elsewhere. */
  #byIdentity: ReadonlyMap<string, number> | undefined

  constructor(before: readonly unknown[], next: readonly unknown[]) {
    this.#before = before
    this.#shift = before.length - next.length
    const shorter = Math.min(before.length, next.length)
    while (this.#same < shorter && Object.is(before[this.#same], next[this.#same])) this.#same++
    this.#sameFrom = next.length
    const first = next.length - shorter + this.#same
    while (this.#sameFrom > first && Object.is(before[this.#sameFrom - 1 + this.#shift], next[this.#sameFrom - 1]))
      this.#sameFrom--
  }

  /** Undefined for an item that is new. */
  find(item: unknown, index: number): number | undefined {
    if (index < this.#same) return index
    if (index >= this.#sameFrom) return index + this.#shift
    if (this.#isAt(index, item)) return index
    if (this.#isAt(index + this.#shift, item)) return index + this.#shift
    this.#byIdentity ??= this.#identities()
    return this.#byIdentity.get(identityOf(item))
  }

  #identities(): ReadonlyMap<string, number> {
    const others = this.#before.slice(this.#same, this.#sameFrom + this.#shift)
    return new Map(others.map((each, place) => [identityOf(each), this.#same + place]))
  }

  #isAt(place: number, item: unknown): boolean {
    if (place < 0 || place >= this.#before.length) return false
    const other = this.#before[place]
    const name = nameOf(item)
    return name === undefined ? changeOf(other, item) === undefined : nameOf(other) === name
  }
}

function identityOf(item: unknown): string {
  const name = nameOf(item)
  return name === undefined ? JSON.stringify(item) : `name ${name}`
}

function nameOf(item: unknown): string | undefined {
  return isRecord(item) && typeof item.name === 'string' ? item.name : undefined
}

function applied(before: unknown, change: Change): unknown {
  if ('value' in change) return change.value
  if ('items' in change) return listOf(before as readonly unknown[], change.items)
  const fields = before as Fields
  const changes = new Map(change.fields)
  const keys = change.keys ?? Object.keys(fields)
  return Object.fromEntries(
    keys.map((key) => {
      const ofField = changes.get(key)
      return [key, ofField === undefined ? fields[key] : applied(fields[key], ofField)]
    }),
  )
}

function listOf(before: readonly unknown[], items: readonly Item[]): unknown[] {
  return items.flatMap((item) => {
    if ('count' in item) return before.slice(item.from, item.from + item.count)
    return [applied('of' in item ? before[item.of] : undefined, 'of' in item ? item.change : item)]
  })
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isBytes(value)
}
