import { formatCount } from '../count.ts'

/** Something a second, or ms: with one decimal where it is small. */
export function formatAmount(amount: number | null): string {
  if (amount === null) return '-'
  if (amount === 0 || amount >= 10) return formatCount(Math.round(amount))
  return amount.toFixed(1)
}

export function formatShare(share: number | null): string {
  if (share === null) return '-'
  // 99.96 % is not all of them.
  return share === 1 ? '100 %' : `${(Math.floor(share * 1000) / 10).toFixed(1)} %`
}
