import { isIPv4 } from 'node:net'
import { formatAddress } from './address.ts'

/** Where the program listens, for clients, for the admin API or for the metrics. */
export interface Place {
  /** IPv4, IPv6 without brackets, or a name. */
  readonly address: string
  /** 0 is any free port. */
  readonly port: number
}

/** `0.0.0.0:80`, `[::]:80` */
export function formatPlace({ address, port }: Place): string {
  return formatAddress({ host: address, port })
}

/** Whether both places could receive the same connection. Resolves no name except localhost. */
export function overlap(one: Place, other: Place): boolean {
  if (one.port === 0 || one.port !== other.port) return false
  return addressesOf(one).some((address) => addressesOf(other).some((its) => addressesOverlap(address, its)))
}

function addressesOf({ address }: Place): string[] {
  return address === 'localhost' ? ['127.0.0.1', '::1'] : [address]
}

function addressesOverlap(one: string, other: string): boolean {
  // `::` accepts IPv6 and IPv4.
  const isWildcardFor = (wildcard: string, address: string) =>
    wildcard === '::' || (wildcard === '0.0.0.0' && (isIPv4(address) || address === '::'))
  return one === other || isWildcardFor(one, other) || isWildcardFor(other, one)
}
