import type { FileSource } from '../config/sources/file.ts'
import type { Provider } from './provider.ts'

export function fileProvider(_source: FileSource): Provider {
  throw new Error('from: file is not there yet')
}
