import { z } from 'zod'
import { LongDuration } from '../field.ts'

/** What browsers require before they put a site on their list (https://hstspreload.org), in ms. */
const PRELOADED_FOR = 365 * 86_400_000

const HstsSettings = z
  .strictObject({
    maxAge: LongDuration.prefault('730d').describe('For how long browsers use only HTTPS after each response.'),
    includeSubDomains: z.boolean().prefault(false).describe('Whether this also holds for all names below the host.'),
    preload: z
      .boolean()
      .prefault(false)
      .describe('Whether browsers may put the host on the list that they are shipped with.'),
  })
  .check(({ value: { maxAge, includeSubDomains, preload }, issues }) => {
    if (!preload || (includeSubDomains && maxAge >= PRELOADED_FOR)) return
    const params = { hint: 'browsers list only hosts that say so; leave preload out otherwise' }
    const message = 'includeSubDomains: true and a maxAge of at least 365d beside it'
    issues.push({ code: 'custom', message, path: ['preload'], input: preload, params })
  })

const HstsSwitch = z.codec(z.literal(true), z.custom<z.output<typeof HstsSettings>>(), {
  decode: () => HstsSettings.parse({}),
  // The union encodes settings as settings, so zod calls this only for a missing value.
  encode: (held) => (held && true) as true,
})

/** The header Strict-Transport-Security (RFC 6797). */
export const Hsts = z.union([HstsSettings, HstsSwitch], 'true, or settings such as { maxAge: 730d }')
export type Hsts = z.output<typeof Hsts>

/** The header's value. */
export function formatHsts({ maxAge, includeSubDomains, preload }: Hsts): string {
  return [
    `max-age=${Math.floor(maxAge / 1000)}`,
    ...(includeSubDomains ? ['includeSubDomains'] : []),
    ...(preload ? ['preload'] : []),
  ].join('; ')
}
