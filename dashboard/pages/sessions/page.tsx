import { Empty } from '../../components/empty.tsx'

export function SessionsPage() {
  return <Empty title="Sessions" />
}
