import { z } from 'zod'
import { matching, whole } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { everySource } from './every-source.ts'

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'

const PortName = matching(new RegExp(`^(?=.*[a-z])${label}$`), 'the number or the name of a port')

/** The endpoints of a Service in Kubernetes. See docs/discovery/kubernetes.md. */
export const KubernetesSource = z.strictObject({
  from: z.literal('kubernetes').describe('The pods of a Service in Kubernetes.'),
  service: matching(new RegExp(`^${label}$`), 'the name of a Service').describe('The name of the Service.'),
  namespace: z
    .exactOptional(matching(new RegExp(`^${label}$`), 'the name of a namespace'))
    .describe('Its namespace. Default: that of the pod, or of the context.'),
  port: z
    .exactOptional(z.union([whole(1, 65_535), PortName], 'the number or the name of a port'))
    .describe("The pods' port: its name in the Service, or its number. Default: the only one."),
  family: z
    .exactOptional(z.enum(['ipv4', 'ipv6']))
    .describe('The addresses to use of pods that have both kinds. Default: IPv4, or IPv6 where a pod has no other.'),
  kubeconfig: z
    .exactOptional(FilePath)
    .describe('A kubeconfig file. Default: the service account in a cluster; elsewhere KUBECONFIG, or ~/.kube/config.'),
  context: z
    .exactOptional(z.string('the name of a context').min(1, 'the name of a context'))
    .describe('The context of the kubeconfig. Default: its current context.'),
  ...everySource,
})

export type KubernetesSource = z.output<typeof KubernetesSource>
