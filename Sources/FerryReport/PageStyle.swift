/// The page's own style: nothing is loaded, so it looks the same on a laptop without network and on paper.
enum PageStyle {
  static var sheet: Markup {
    "\(Palette.variables)\(Palette.drawing)\(rules)"
  }
  private static let rules: Markup = """
    :root{color-scheme:light dark}
    *{box-sizing:border-box}
    body{margin:0;overflow-wrap:anywhere;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
    main,header,footer,nav{max-width:1088px;margin:0 auto;padding:0 24px}
    header{padding-top:32px}
    h1{font-size:30px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
    h2{font-size:21px;margin:44px 0 12px;padding-top:12px;border-top:2px solid var(--line)}
    h3{font-size:17px;margin:0 0 10px;overflow-wrap:anywhere}
    h4{font-size:14px;margin:16px 0 6px;color:var(--muted)}
    p{margin:8px 0}
    a{color:var(--write)}
    a:focus-visible,.skip:focus{outline:3px solid var(--write);outline-offset:2px}
    .skip{position:absolute;left:-9999px}
    .skip:focus{left:8px;top:8px;background:var(--paper);padding:8px 12px}
    .sub,.muted{color:var(--muted)}
    nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;padding:12px 0;margin:0}
    code,pre{font:13.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
    code{overflow-wrap:anywhere}
    pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:10px 12px;margin:6px 0;white-space:pre-wrap;overflow-wrap:anywhere}
    dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(220px,1fr));gap:12px;margin:20px 0}
    dl.facts div{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:10px 14px}
    dl.facts div.wide{grid-column:1/-1}
    dt{font-size:13px;color:var(--muted)}
    dd{margin:0;font-weight:600;overflow-wrap:anywhere}
    dd small{display:block;font-weight:400;font-size:13px;color:var(--muted)}
    .call{border-left:5px solid var(--wait);background:var(--panel);border-radius:0 6px 6px 0;padding:8px 14px;margin:8px 0;overflow-wrap:anywhere}
    .call.bad{border-color:var(--bad)}
    .call strong{margin-right:6px}
    .bad-text{color:var(--bad);font-weight:600}
    .good-text{color:var(--good);font-weight:600}
    figure{margin:12px 0}
    figure svg{display:block;width:100%;height:auto;border:1px solid var(--line);border-radius:8px;background:var(--paper)}
    figcaption{font-size:14px;color:var(--muted);margin-top:6px}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;min-width:min(100%,420px);margin:14px 0;font-size:14px}
    caption{text-align:left;font-weight:600;font-size:15px;padding:4px 0}
    th,td{text-align:left;vertical-align:top;padding:6px 20px 6px 0;border-bottom:1px solid var(--line);overflow-wrap:break-word}
    th{font-weight:600;color:var(--muted)}
    td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
    td.t{font-variant-numeric:tabular-nums;white-space:nowrap}
    article{border:1px solid var(--line);border-radius:10px;padding:16px 18px;margin:16px 0}
    article ul{margin:8px 0;padding-left:22px}
    .when{display:flex;flex-wrap:wrap;gap:2px 24px;margin:0 0 10px;font-size:14px}
    .chip{border:1px solid var(--line);border-radius:999px;padding:0 10px;font-size:13px;color:var(--muted)}
    .chip.bad{border-color:var(--bad);color:var(--bad)}
    .minus{color:var(--bad)}
    .plus{color:var(--good)}
    footer{padding-top:24px;padding-bottom:48px;color:var(--muted);font-size:14px}
    @media print{
    @page{margin:14mm}
    body{font-size:10.5pt}
    main,header,footer{max-width:none;padding:0}
    nav,.skip{display:none}
    h2{margin-top:22px;break-after:avoid}
    h3,h4{break-after:avoid}
    figure,tr,.call,dl.facts div{break-inside:avoid}
    pre,code,table{font-size:8.5pt}
    td.t{white-space:normal}
    th,td{padding-right:10px}
    td{overflow-wrap:anywhere}
    a{color:inherit;text-decoration:none}
    *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
    }

    """
}
