import { z } from 'zod'
import { everySource } from './every-source.ts'

/** Containers of a Docker engine, by their labels. See docs/discovery/docker.md. */
export const DockerSource = z.strictObject({
  from: z.literal('docker'),
  ...everySource,
})

export type DockerSource = z.output<typeof DockerSource>
