# A primary, its staging distribution, the policy between them and an origin access control.
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

  default_cache_behavior {
    allowed_methods        = ["GET", "HEAD", "OPTIONS"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "assets"
    viewer_protocol_policy = "redirect-to-https"
    cache_policy_id        = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    compress               = true
  }

  ordered_cache_behavior {
    path_pattern           = "/old/*"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    target_origin_id       = "assets"
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
