import { Empty } from '../../components/empty.tsx'

export function UpstreamPage() {
  return <Empty title="Upstreams" />
}
