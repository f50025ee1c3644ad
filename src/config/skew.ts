import { z } from 'zod'
import { percentTo, whole } from './field.ts'

/** When one address or network is said to carry too much of an upstream that is hashed by address. */
export const Skew = z.strictObject({
  share: z
    .exactOptional(percentTo(100))
    .describe('The share of the requests that is too much. Left out: the fair share of its server, at least 10%.'),
  minRequests: whole(1, 1_000_000_000)
    .prefault(1000)
    .describe('With fewer requests than that within a minute, nothing is said.'),
})
