import './config.css'
import { Empty } from '../../components/empty.tsx'

export function ConfigPage() {
  return <Empty title="Config" />
}
