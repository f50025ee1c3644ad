import { z } from '@hono/zod-openapi'
import { durationPattern, parseDuration } from '../config/duration.ts'

/** A moment, as the API writes it. */
export const Time = z.iso.datetime().openapi({ example: '2026-01-31T12:00:00.000Z' })

/** A number of things. */
export const Count = z.int().min(0)

const aDuration = 'expected a duration such as 500ms, 30s, 2m, 1h or 1d, of at most 24d'

/** A duration as in the file, such as `30s`. Its output is in ms. */
export const Duration = z
  .string(aDuration)
  .regex(durationPattern, aDuration)
  .transform((text, { issues }) => {
    try {
      return parseDuration(text)
    } catch {
      issues.push({ code: 'custom', message: aDuration, input: text })
      return z.NEVER
    }
  })
  .openapi({ type: 'string', pattern: durationPattern.source, example: '30s' })
