import { z } from '@hono/zod-openapi'
import { durationPattern, parseDurationUpTo } from '../config/duration.ts'
import { Time } from './fields.ts'
import type { Author } from './operations.ts'

/** The longest time of a ban: a year. */
const LONGEST = 366 * 86_400_000

const aTime = 'expected a duration of more than 0, such as 30s, 10m, 1h or 7d, of at most 366d'

const BanTime = z
  .string(aTime)
  .regex(durationPattern, aTime)
  .transform((text, { issues }) => {
    try {
      const ms = parseDurationUpTo(text, LONGEST)
      if (ms > 0) return ms
    } catch {}
    issues.push({ code: 'custom', message: aTime, input: text })
    return z.NEVER
  })
  .openapi({ type: 'string', pattern: durationPattern.source, example: '1h' })

const aReason = 'expected at most 200 printable characters'
const Reason = z.string().regex(/^\P{Cc}{0,200}$/u, aReason)

const address = { example: '203.0.113.0/24', description: 'An address, or a range of them.' }

/** A ban that is asked for. */
export const BanRequest = z
  .strictObject({
    address: z.string().openapi(address),
    for: BanTime.openapi({ description: 'When it ends by itself.' }),
    reason: Reason.optional().openapi({ description: 'For the log, and for whoever reads the list.' }),
  })
  .openapi('BanRequest')

/** A range of addresses whose requests are refused. */
export const Ban = z
  .object({
    address: z.string().openapi(address),
    since: Time,
    until: Time,
    by: z.string().openapi({ description: 'Who has asked for it.' }),
    reason: z.string().nullable(),
  })
  .openapi('Ban')

export type Ban = z.infer<typeof Ban>

export const Bans = z.object({ bans: z.array(Ban) }).openapi('Bans')

/** The clients whose requests are refused. Changes resolve once all workers serve them, and are kept by then. */
export interface BanOperations {
  /** Those that end first come first. */
  all(): readonly Ban[]
  /**
   * Bans a range for so many ms; if it is banned already, for that time from now on.
   *
   * @throws OperationRefused
   */
  ban(address: string, ms: number, reason: string | undefined, by: Author): Promise<Ban>
  /**
   * Ends the ban of exactly that range.
   *
   * @throws OperationRefused if there is none
   */
  lift(address: string, by: Author): Promise<Ban>
}
