import type { EtcdSource } from '../config/sources/etcd.ts'
import type { Provider } from './provider.ts'

export function etcdProvider(_source: EtcdSource): Provider {
  throw new Error('from: etcd is not there yet')
}
