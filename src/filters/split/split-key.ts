import type { FilteredRequest } from '../../exchange/filtered-request.ts'
import type { SplitKey } from '../../runtime/filter-settings.ts'
import { isAddress } from '../../runtime/ip-address.ts'
import { textOf } from '../limit-subject.ts'

/** What of an address of IPv6 is its network's, in octets: the rest changes often. */
const NETWORK = 8

/** The bytes by which a request belongs to a cohort; undefined if it has no such key. */
export function splitKeyOf(key: SplitKey, request: FilteredRequest): Uint8Array | undefined {
  if (key.from === 'client.address') {
    const { clientAddress } = request
    return isAddress(clientAddress) ? clientAddress.octets.subarray(0, NETWORK) : undefined
  }
  const text = textOf(key, request)
  return text === undefined || text === '' ? undefined : Buffer.from(text)
}
