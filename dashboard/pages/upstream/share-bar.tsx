import { amountText } from '../../components/amount.tsx'

/** The share of the traffic as a bar, and a mark where the weights ask for it. */
export function ShareBar({ share, asked }: { readonly share: number | null; readonly asked: number }) {
  const words = `${amountText(share, 'percent')} of the requests of the last half minute; the weights ask for ${amountText(asked, 'percent')}`
  return (
    <span class="share" title={words}>
      <span class="bar" aria-hidden="true">
        <i class="part" style={{ width: `${(share ?? 0) * 100}%` }} />
        {asked > 0 && <i class="mark" style={{ left: `${asked * 100}%` }} />}
      </span>
      <span class="value" aria-hidden="true">
        {share === null ? '–' : `${Math.round(share * 100)}%`}
      </span>
      <span class="visually-hidden">{words}</span>
    </span>
  )
}
