import { z } from 'zod'
import { Rate } from './field.ts'

/** How sessions move to servers that have fewer, after one was added or has come back. */
export const Rebalance = z.strictObject({
  rate: Rate.prefault('1%/m').describe('The share of the sessions that may move in a second, a minute or an hour.'),
  only: z
    .enum(['idle', 'any'])
    .prefault('idle')
    .describe(
      'Which sessions move, with their next request. idle: those that have been unseen for a tenth of the idle limit. any: also active ones, between their requests.',
    ),
})

export type Rebalance = z.output<typeof Rebalance>
