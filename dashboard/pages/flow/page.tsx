import { Empty } from '../../components/empty.tsx'

export function FlowPage() {
  return <Empty title="Flow" />
}
