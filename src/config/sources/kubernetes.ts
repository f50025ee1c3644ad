import { z } from 'zod'
import { everySource } from './every-source.ts'

/** The endpoints of a Service in Kubernetes. */
export const KubernetesSource = z.strictObject({
  from: z.literal('kubernetes'),
  service: z.string('the name of a service').describe('The name of the Service.'),
  ...everySource,
})

export type KubernetesSource = z.output<typeof KubernetesSource>
