import { z } from 'zod'
import type { AddressRange } from '../../runtime/address-range.ts'
import { anAddressRange } from '../address-range.ts'
import { written } from '../field.ts'
import { formatTrustedProxy, parseTrustedProxy } from '../trusted-proxy.ts'

/** A range of addresses, those of clients on Unix sockets, or all clients. */
export type AddressRule = AddressRange | 'unix:' | 'all'

const aRule = `${anAddressRange}, unix: or all`

function parseRule(text: string): AddressRule {
  return text === 'all' ? text : parseTrustedProxy(text)
}

function formatRule(rule: AddressRule): string {
  return rule === 'all' ? rule : formatTrustedProxy(rule)
}

export const AddressRules = z.array(written(z.string(aRule), parseRule, formatRule), 'a list of addresses and ranges')

const Settings = z.strictObject({
  from: AddressRules.min(1, 'at least one').describe(
    'Addresses and ranges, such as 10.0.0.0/8; unix: for clients on a Unix socket, all for everybody.',
  ),
  except: AddressRules.prefault([]).describe('Those of them that do not count.'),
  status: z
    .union([z.literal(403), z.literal(404)], '403 or 404')
    .prefault(403)
    .describe('The status of what is refused; with 404, it is answered as if there were no such route.'),
})

const ByList = z.codec(AddressRules.min(1, 'at least one'), z.custom<z.output<typeof Settings>>(), {
  decode: (from) => ({ from, except: [], status: 403 as const }),
  encode: ({ from }) => from,
})

const Rules = z.union([Settings, ByList], 'a list of addresses and ranges, or settings')

export const AllowFilter = Rules.describe('Serves these clients, and refuses all others with 403.')

export const DenyFilter = Rules.describe('Refuses these clients with 403.')
