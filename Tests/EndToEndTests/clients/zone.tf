# A hosted zone whose names lead to the primary: a CNAME, alias records, and records of other kinds.

resource "aws_route53_zone" "site" {
  name    = "example.com"
  comment = "the site"
  tags    = { team = "web" }
}

resource "aws_route53_record" "www" {
  zone_id = aws_route53_zone.site.zone_id
  name    = "www.example.com"
  type    = "CNAME"
  ttl     = 300
  records = [aws_cloudfront_distribution.primary.domain_name]
}

resource "aws_route53_record" "apex" {
  for_each = toset(["A", "AAAA"])
  zone_id  = aws_route53_zone.site.zone_id
  name     = ""
  type     = each.key

  alias {
    name                   = aws_cloudfront_distribution.primary.domain_name
    zone_id                = aws_cloudfront_distribution.primary.hosted_zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "wildcard" {
  zone_id = aws_route53_zone.site.zone_id
  name    = "*.example.com"
  type    = "TXT"
  ttl     = 60
  records = ["v=spf1 -all"]
}
