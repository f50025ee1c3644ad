import { formatAddressRange } from '../../../../config/address-range.ts'
import { InvalidValue } from '../../../../config/error.ts'
import { parseIpAddress } from '../../../../runtime/ip-address.ts'
import { parseList, parseWhole } from '../values.ts'
import { type Effect, filtering } from './effect.ts'
import type { Options } from './options.ts'

/** What Traefik calls it where no label does. */
const REALM = 'traefik'

export function basicAuth(options: Options): Effect {
  const users = options.required('users', parseList)
  const userHeader = options.read('headerfield', String)
  const basicAuth = {
    users,
    realm: options.read('realm', String) ?? REALM,
    ...(!options.isOn('removeheader') && { forward: true }),
    ...(userHeader !== undefined && userHeader !== '' && { userHeader }),
  }
  return filtering({ basicAuth })
}

export function forwardAuth(options: Options): Effect {
  const copy = options.list('authresponseheaders')
  const headers = options.list('authrequestheaders')
  const forwardAuth = {
    url: options.required('address', String),
    ...(headers.length > 0 && { headers }),
    ...(copy.length > 0 && { copy }),
  }
  return filtering({ forwardAuth })
}

export function ipAllowList(options: Options): Effect {
  const from = options.required('sourcerange', (text) => parseList(text).map(parseRange))
  const status = options.read('rejectstatuscode', (text) => parseWhole(text, 100, 599))
  if (status === undefined || status === 403) return filtering({ allow: from })
  if (status === 404) return filtering({ allow: { from, status } })
  const label = options.label('rejectstatuscode')!
  const unused = { label, message: 'is not supported: clients get 403', hint: 'write 403 or 404' }
  return { filters: [{ allow: from }], unused: [unused] }
}

/** Unlike in Limpet's own file, bits beyond the prefix may be set: they do not count. */
function parseRange(text: string): string {
  const [, written = '', length] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const octets = parseIpAddress(written)?.octets
  // The prefix of a mapped address counts the 96 bits before it.
  const before = octets?.length === 4 && written.includes(':') ? 96 : 0
  const prefix = length === undefined ? (octets?.length ?? 0) * 8 : Number(length) - before
  if (octets === undefined || prefix < 0 || prefix > octets.length * 8)
    throw new InvalidValue('an IP address or a range of them, such as 10.0.0.0/8')
  const network = octets.map((octet, at) => octet & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * at))))
  return formatAddressRange({ octets: network, prefix })
}
