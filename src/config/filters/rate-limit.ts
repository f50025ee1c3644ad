import { z } from 'zod'
import { whole } from '../field.ts'
import { limitSettings } from './limit-by.ts'
import { RequestRateText } from './request-rate.ts'

/** By how much requests may come too early at most, in ms: a year. */
const LONGEST = 366 * 86_400_000

export const RateLimitFilter = z
  .strictObject({
    rate: RequestRateText.describe('How many requests may come in which time: 100/s, 10/m, 1000/h or 5000/d.'),
    burst: whole(0, 1_000_000)
      .prefault(0)
      .describe('How many more than one may come at once, as in nginx with nodelay. They are made up for afterwards.'),
    ...limitSettings,
    headers: z
      .enum(['refused', 'all', 'none'])
      .prefault('refused')
      .describe('Which responses say how many more requests may come, by RateLimit and RateLimit-Policy.'),
  })
  .check(({ value: { rate, burst }, issues }) => {
    // A rate that makes no sense is a mistake of its own.
    if (!((rate.period / rate.requests) * burst > LONGEST)) return
    issues.push({
      code: 'custom',
      message: 'a burst that is made up for within 366 days',
      path: ['burst'],
      input: burst,
    })
  })
  .describe('Refuses requests that come too fast, with 429.')
