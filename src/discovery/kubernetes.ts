import type { KubernetesSource } from '../config/sources/kubernetes.ts'
import type { Provider } from './provider.ts'

export function kubernetesProvider(_source: KubernetesSource): Provider {
  throw new Error('from: kubernetes is not there yet')
}
