import type { HttpSource } from '../config/sources/http.ts'
import type { Provider } from './provider.ts'

export function httpProvider(_source: HttpSource): Provider {
  throw new Error('from: http is not there yet')
}
