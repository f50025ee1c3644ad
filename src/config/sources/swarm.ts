import { z } from 'zod'
import { durationFrom } from '../field.ts'
import { engineKeys, selectionKeys } from './docker.ts'
import { everySource } from './every-source.ts'

const poll = durationFrom(500)
  .prefault('5s')
  .describe(
    'How often the tasks are asked for: Docker has no events of them. More often while a service is updated; at once after events.',
  )

/** Tasks of a Docker Swarm, by the labels of their services. See docs/discovery/swarm.md. */
export const SwarmSource = z.strictObject({
  from: z.literal('swarm').describe('Tasks of a Docker Swarm.'),
  ...engineKeys,
  poll,
  ...selectionKeys,
  ...everySource,
})

export type SwarmSource = z.output<typeof SwarmSource>

/** Routes and upstreams from the labels of services. */
export const SwarmLabels = z.strictObject({ ...engineKeys, poll, ...everySource })

export type SwarmLabels = z.output<typeof SwarmLabels>
