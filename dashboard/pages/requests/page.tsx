import { Empty } from '../../components/empty.tsx'

export function RequestsPage() {
  return <Empty title="Live requests" />
}
