import { z } from 'zod'
import type { Ban as Shown } from '../../admin/bans.ts'
import { formatAddressRange, parseAddressRange } from '../../config/address-range.ts'
import { written } from '../../config/field.ts'
import type { Ban } from '../../runtime/ban-list.ts'

/** A ban, and what is known of it. Times are in ms since 1970. */
export const KeptBan = z.strictObject({
  range: written(z.string(), parseAddressRange, formatAddressRange),
  since: z.int(),
  until: z.int(),
  by: z.string(),
  reason: z.exactOptional(z.string()),
})

export type KeptBan = z.output<typeof KeptBan>

/** What workers need to know of it. */
export function banOf({ range, until }: KeptBan): Ban {
  return { ...range, until }
}

/** As the admin API shows it. */
export function shownBan({ range, since, until, by, reason }: KeptBan): Shown {
  return {
    address: formatAddressRange(range),
    since: new Date(since).toISOString(),
    until: new Date(until).toISOString(),
    by,
    reason: reason ?? null,
  }
}
