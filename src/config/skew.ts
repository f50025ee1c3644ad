import { z } from 'zod'
import { percentTo, whole } from './field.ts'

/** When to warn that one address or network sends too large a share of the requests to an upstream hashed by address. */
export const Skew = z.strictObject({
  share: z
    .exactOptional(percentTo(100))
    .describe('Warn above this share of the requests. Default: the fair share of the server, at least 10%.'),
  minRequests: whole(1, 1_000_000_000)
    .prefault(1000)
    .describe('No warning if there are fewer requests than this in a minute.'),
})
