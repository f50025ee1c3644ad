import { z } from 'zod'
import { DockerLabels } from './sources/docker.ts'
import { SwarmLabels } from './sources/swarm.ts'

/** Where routes and upstreams are found besides those of the file: what the labels there say. */
export const Discovery = z.strictObject({
  docker: z.exactOptional(DockerLabels).describe('Routes and upstreams from the labels of containers. Default: none.'),
  swarm: z.exactOptional(SwarmLabels).describe('Routes and upstreams from the labels of services. Default: none.'),
})

export type Discovery = z.output<typeof Discovery>
