import { bytesOf, crc32 } from './crc32.ts'

/** What of a key decides which server it belongs to, under whatever list of servers. */
export type KeyHashKind = 'ip-hash' | 'consistent-hash'

/** nginx's modulus and factor (ngx_http_upstream_ip_hash_module.c). */
const MODULUS = 6271
const FACTOR = 113

/** In the hash of an address: what `rehash` makes of it from 0, and whether it has sixteen octets. */
const REHASHED = 0x1fff
const IS_LONG = 0x2000
/** The bits that the hash of an address needs. */
const ADDRESS_BITS = 14

/** One step of nginx's `ip_hash`: the first three octets of an IPv4 address, or all of an IPv6 address. */
export function rehash(hash: number, address: Uint8Array): number {
  const octets = address.length === 4 ? 3 : address.length
  let result = hash
  for (let i = 0; i < octets; i++) result = (result * FACTOR + address[i]!) % MODULUS
  return result
}

/**
 * 32 bits of a key that say where it goes: any key of the same hash goes wherever this one goes. A ring knows no more of a
 * key than its CRC-32. `rehash` is linear in what it begins with, so what it makes of an address from 0 is all it needs.
 *
 * @param filler bits in which other keys differ, for those that this kind leaves free
 */
export function keyHash(kind: KeyHashKind, key: Uint8Array, filler: number): number {
  if (kind === 'consistent-hash') return crc32(key) | 0
  return rehash(0, key) | (key.length === 4 ? 0 : IS_LONG) | (filler << ADDRESS_BITS)
}

/** A key of that hash. */
export function keyOf(kind: KeyHashKind, hash: number): Uint8Array {
  if (kind === 'consistent-hash') return bytesOf(hash)
  const rehashed = hash & REHASHED
  const last = [Math.floor(rehashed / FACTOR), rehashed % FACTOR]
  const isLong = (hash & IS_LONG) !== 0
  return isLong ? Uint8Array.from([...new Array<number>(14).fill(0), ...last]) : Uint8Array.from([0, ...last, 0])
}
