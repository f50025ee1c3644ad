import { equalsIgnoringCase, lower } from '../../http1/bytes.ts'
import { FieldKind } from './field.ts'
import { staticEntries } from './static-table.ts'

/** A name that HPACK's static table has, or that means something to HTTP/2. */
export interface KnownName {
  readonly letters: Buffer
  /** The first entry of the static table that has it; 0 for none. */
  readonly staticIndex: number
  /** A `FieldKind`. */
  readonly kind: number
  /** Whether its values may be secrets, which no table may keep (RFC 7541 §7.1.3). */
  readonly isSecret: boolean
}

const kinds: Readonly<Record<string, number>> = {
  ':authority': FieldKind.Authority,
  ':method': FieldKind.Method,
  ':path': FieldKind.Path,
  ':protocol': FieldKind.Protocol,
  ':scheme': FieldKind.Scheme,
  ':status': FieldKind.Status,
  connection: FieldKind.ConnectionSpecific,
  cookie: FieldKind.Cookie,
  host: FieldKind.Host,
  'keep-alive': FieldKind.ConnectionSpecific,
  'proxy-connection': FieldKind.ConnectionSpecific,
  'sec-websocket-accept': FieldKind.WebSocketProof,
  'sec-websocket-key': FieldKind.WebSocketProof,
  te: FieldKind.Te,
  'transfer-encoding': FieldKind.ConnectionSpecific,
  upgrade: FieldKind.ConnectionSpecific,
}
const secrets = ['authorization', 'cookie', 'proxy-authorization', 'referer', 'set-cookie']

const names = [...new Set([...staticEntries.map(([name]) => name), ...Object.keys(kinds)])]
const known = names.map((name): KnownName => {
  const position = staticEntries.findIndex(([other]) => other === name)
  return {
    letters: Buffer.from(name),
    staticIndex: position + 1,
    kind: kinds[name] ?? FieldKind.Other,
    isSecret: secrets.includes(name),
  }
})

const SLOT_BITS = 9
/** By the upper bits of a hash. No two names share a slot, so that one look is enough. */
let slots: (KnownName | undefined)[] = []
let multiplier = 1
do multiplier += 0x9e3779b2
while (!areApart())

function areApart(): boolean {
  slots = Array.from({ length: 1 << SLOT_BITS }, () => undefined)
  for (const name of known) {
    const slot = slotOf(name.letters, 0, name.letters.length)
    if (slots[slot] !== undefined) return false
    slots[slot] = name
  }
  return true
}

function slotOf(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  const first = lower(bytes[from]!)
  const middle = lower(bytes[from + (length >> 1)]!)
  const last = lower(bytes[to - 1]!)
  const mixed = (first << 16) ^ (middle << 8) ^ last ^ (length << 21)
  return Math.imul(mixed, multiplier) >>> (32 - SLOT_BITS)
}

/** The name in `bytes[from, to)`, which is not empty, ignoring case; undefined for one that is not known here. */
export function knownName(bytes: Uint8Array, from: number, to: number): KnownName | undefined {
  const name = slots[slotOf(bytes, from, to)]
  return name !== undefined && equalsIgnoringCase(bytes, from, to, name.letters) ? name : undefined
}

const COLON = 0x3a

/** The kind of a field with that name. */
export function kindOf(bytes: Uint8Array, from: number, to: number): number {
  const name = knownName(bytes, from, to)
  if (name !== undefined) return name.kind
  return bytes[from] === COLON ? FieldKind.UnknownPseudo : FieldKind.Other
}
