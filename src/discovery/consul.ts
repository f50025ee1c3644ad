import type { ConsulSource } from '../config/sources/consul.ts'
import type { Provider } from './provider.ts'

export function consulProvider(_source: ConsulSource): Provider {
  throw new Error('from: consul is not there yet')
}
