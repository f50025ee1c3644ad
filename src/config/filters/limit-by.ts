import { z } from 'zod'
import type { LimitPart } from '../../runtime/filter-settings.ts'
import { matching, oneOrMore, whole, written } from '../field.ts'

const parts = /^(?:client\.address|session|user|route|(?:header|cookie|query|claim):[!#$%&'*+.^_`|~0-9A-Za-z-]+)$/

const aPart = 'client.address, header:NAME, cookie:NAME, query:NAME, session, user, claim:NAME or route'

/** What a limit counts by; `route` is no part of the request. */
type WrittenPart = LimitPart | { readonly from: 'route' }

function parsePart(text: string): WrittenPart {
  const colon = text.indexOf(':')
  if (colon < 0) return { from: text as 'client.address' | 'session' | 'user' | 'route' }
  const from = text.slice(0, colon) as 'header' | 'cookie' | 'query' | 'claim'
  const name = text.slice(colon + 1)
  return { from, name: from === 'header' ? name.toLowerCase() : name }
}

function formatPart(part: WrittenPart): string {
  return 'name' in part ? `${part.from}:${part.name}` : part.from
}

const LimitPartText = written(matching(parts, aPart), parsePart, formatPart)

/** What all limits that count by key have in common. */
export const limitSettings = {
  by: oneOrMore(LimitPartText, aPart)
    .prefault('client.address')
    .describe(
      `What requests are counted by: ${aPart}. With route, all of a route together. Several, as a list, count together.`,
    ),
  ipv6Prefix: whole(1, 128)
    .prefault(64)
    .describe('IPv6 addresses whose first bits are the same, so many, count as one client.'),
  missing: z
    .enum(['share', 'pass'])
    .prefault('share')
    .describe('Requests without what they are counted by: limited together (share), or not at all (pass).'),
  status: whole(400, 599).prefault(429).describe('The status of what is refused.'),
  dryRun: z.boolean().prefault(false).describe('Nothing is refused: what would be is noted in the access log.'),
  name: z
    .exactOptional(matching(/^[A-Za-z0-9_.-]{1,64}$/, 'a name of letters, digits, _, . and -'))
    .describe('Limits of one name count together, whatever routes they belong to. Default: each counts by itself.'),
}
