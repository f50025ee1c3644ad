import { z } from 'zod'
import { boundedSize, durationFrom, whole } from '../field.ts'
import { Share } from '../share.ts'

export const MirrorFilter = z
  .strictObject({
    to: z.string('the name of an upstream').describe('The upstream that gets the copies.'),
    share: Share.prefault('100%').describe('The share of the requests that are copied, such as 10%.'),
    maxInFlight: whole(1, 10_000)
      .prefault(100)
      .describe('How many copies may be in flight, of all workers together; what comes beyond is not copied.'),
    body: boundedSize(1, 1_000_000).prefault('64kB').describe('Requests with a longer body are not copied.'),
    timeout: durationFrom(1).prefault('30s').describe('How long a copy may take before it is given up.'),
  })
  .describe('Copies requests to another upstream, and drops its answers.')
