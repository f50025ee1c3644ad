import { z } from 'zod'
import { everySource } from './every-source.ts'

/** Tasks of a Docker Swarm, by the labels of their services. */
export const SwarmSource = z.strictObject({
  from: z.literal('swarm'),
  ...everySource,
})

export type SwarmSource = z.output<typeof SwarmSource>
