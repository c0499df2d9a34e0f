# A primary, its staging distribution, the policy between them, and one of everything a distribution refers to.
# `attach` comes second: the provider cannot set the policy while it creates the primary.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "lab" {
  type = string
}

variable "attach" {
  type    = bool
  default = false
}

provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = "true"
  endpoints {
    cloudfront = var.lab
    route53    = var.lab
    sts        = var.lab
  }
}

locals {
  origin = "assets.s3.eu-west-1.amazonaws.com"
}

resource "aws_cloudfront_origin_access_control" "assets" {
  name                              = "assets"
  description                       = "for the bucket"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_origin_access_identity" "legacy" {
  comment = "before there were access controls"
}

resource "aws_cloudfront_cache_policy" "short" {
  name        = "short"
  min_ttl     = 1
  default_ttl = 60
  max_ttl     = 300

  parameters_in_cache_key_and_forwarded_to_origin {
    cookies_config {
      cookie_behavior = "whitelist"
      cookies {
        items = ["session"]
      }
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "all"
    }
  }
}

resource "aws_cloudfront_origin_request_policy" "language" {
  name = "language"

  cookies_config {
    cookie_behavior = "none"
  }
  headers_config {
    header_behavior = "whitelist"
    headers {
      items = ["Accept-Language"]
    }
  }
  query_strings_config {
    query_string_behavior = "none"
  }
}

resource "aws_cloudfront_response_headers_policy" "strict" {
  name = "strict"

  security_headers_config {
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }
}

resource "aws_cloudfront_function" "rewrite" {
  name    = "rewrite"
  runtime = "cloudfront-js-2.0"
  code    = "function handler(event) { return event.request; }"
  publish = true
}

resource "aws_cloudfront_public_key" "signer" {
  name        = "signer"
  encoded_key = "-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n"
}

resource "aws_cloudfront_key_group" "signers" {
  name  = "signers"
  items = [aws_cloudfront_public_key.signer.id]
}

resource "aws_cloudfront_monitoring_subscription" "primary" {
  distribution_id = aws_cloudfront_distribution.primary.id

  monitoring_subscription {
    realtime_metrics_subscription_config {
      realtime_metrics_subscription_status = "Enabled"
    }
  }
}

resource "aws_cloudfront_distribution" "staging" {
  comment             = "staging"
  enabled             = true
  staging             = true
  wait_for_deployment = false

  origin {
    domain_name              = local.origin
    origin_access_control_id = aws_cloudfront_origin_access_control.assets.id
    origin_id                = "assets"
  }

  default_cache_behavior {
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "assets"
    viewer_protocol_policy = "redirect-to-https"
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }
}

resource "aws_cloudfront_continuous_deployment_policy" "canary" {
  enabled = true

  staging_distribution_dns_names {
    items    = [aws_cloudfront_distribution.staging.domain_name]
    quantity = 1
  }

  traffic_config {
    type = "SingleWeight"
    single_weight_config {
      weight = "0.05"
      session_stickiness_config {
        idle_ttl    = 300
        maximum_ttl = 600
      }
    }
  }
}

resource "aws_cloudfront_distribution" "primary" {
  comment                         = "primary"
  enabled                         = true
  is_ipv6_enabled                 = true
  default_root_object             = "index.html"
  price_class                     = "PriceClass_100"
  continuous_deployment_policy_id = var.attach ? aws_cloudfront_continuous_deployment_policy.canary.id : null
  wait_for_deployment             = false
  tags                            = { team = "web" }

  origin {
    domain_name              = local.origin
    origin_access_control_id = aws_cloudfront_origin_access_control.assets.id
    origin_id                = "assets"
  }

  origin {
    domain_name = "legacy.s3.eu-west-1.amazonaws.com"
    origin_id   = "legacy"
    s3_origin_config {
      origin_access_identity = aws_cloudfront_origin_access_identity.legacy.cloudfront_access_identity_path
    }
  }

  default_cache_behavior {
    allowed_methods        = ["GET", "HEAD", "OPTIONS"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "assets"
    viewer_protocol_policy = "redirect-to-https"
    compress               = true

    cache_policy_id            = aws_cloudfront_cache_policy.short.id
    origin_request_policy_id   = aws_cloudfront_origin_request_policy.language.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.strict.id
    trusted_key_groups         = [aws_cloudfront_key_group.signers.id]

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.rewrite.arn
    }
  }

  ordered_cache_behavior {
    path_pattern           = "/old/*"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "legacy"
    viewer_protocol_policy = "allow-all"
    default_ttl            = 60

    forwarded_values {
      query_string = true
      cookies {
        forward = "none"
      }
    }
  }

  custom_error_response {
    error_code         = 404
    response_code      = 200
    response_page_path = "/index.html"
  }

  restrictions {
    geo_restriction {
      restriction_type = "whitelist"
      locations        = ["DE", "FR"]
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = true
  }
}
